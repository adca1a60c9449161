import 'reflect-metadata';
import { readSettings } from './settings.js';
import { describeStartFailure } from './start-error.js';

try {
  // Before the application is loaded, so that an invalid setting is reported at once.
  const settings = readSettings(process.env);
  const { startImageLab } = await import('./start-image-lab.js');
  await startImageLab(settings);
} catch (error) {
  process.stderr.write(`${describeStartFailure(error)}\n`);
  process.exitCode = 1;
}
