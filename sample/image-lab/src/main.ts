import 'reflect-metadata';
import { readSettings } from './settings.js';
import { describeStartFailure } from './start-error.js';

try {
  // Before the application is loaded, so that a wrong setting is told at once.
  const settings = readSettings(process.env);
  const { startImageLab } = await import('./start-image-lab.js');
  await startImageLab(settings);
} catch (error) {
  process.stderr.write(`${describeStartFailure(error)}\n`);
  process.exitCode = 1;
}
