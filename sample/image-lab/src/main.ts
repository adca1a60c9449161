import 'reflect-metadata';
import { readSettings } from './settings.js';
import { describeStartFailure } from './start-error.js';
import { startImageLab } from './start-image-lab.js';

try {
  await startImageLab(readSettings(process.env));
} catch (error) {
  process.stderr.write(`${describeStartFailure(error)}\n`);
  process.exitCode = 1;
}
