import { readParameters } from '../support/processes.mjs';
import { Records } from '../support/records.mjs';

const { replica } = readParameters();

/** The records of this replica; undefined for an application in one process. */
export const records = replica && new Records(replica.recordsFolder, replica.name);
