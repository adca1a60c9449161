import { appendFileSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * The database of the application: every replica appends to a file of its own and reads all of
 * them. What was written survives the end of the process.
 */
export class Records {
  #folder;
  #file;

  constructor(folder, name) {
    this.#folder = folder;
    this.#file = join(folder, name);
    appendFileSync(this.#file, '');
  }

  /** Records the files of a request before its response is sent. */
  add(id, files) {
    this.#append({ id, added: files });
  }

  /** Removes files whose request has failed. */
  withdraw(files) {
    this.#append({ withdrawn: files.map(({ fileId }) => fileId) });
  }

  /** Returns those of the file IDs that are recorded. */
  findUsed(fileIds) {
    const names = readdirSync(this.#folder);
    const recorded = names.map(name => readRecords(this.#folder, name));
    return fileIds.filter(fileId => recorded.some(files => files.has(fileId)));
  }

  #append(entry) {
    appendFileSync(this.#file, `${JSON.stringify(entry)}\n`);
  }
}

/** Reads the files that a replica has recorded, by their IDs, with the IDs of their requests. */
export function readRecords(folder, name) {
  const files = new Map();
  for (const line of readLines(join(folder, name))) {
    const { id, added = [], withdrawn = [] } = JSON.parse(line);
    for (const file of added) files.set(file.fileId, { ...file, id });
    for (const fileId of withdrawn) files.delete(fileId);
  }
  return files;
}

const readLines = file => readFileSync(file, 'utf8').split('\n').slice(0, -1);
