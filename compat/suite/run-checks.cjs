'use strict';

const bytesOut = require('./bytes-out.cjs');
const dispatchers = require('./dispatchers.cjs');
const documents = require('./documents.cjs');
const uploads = require('./uploads.cjs');
const failures = require('./failures.cjs');
const service = require('./service.cjs');

/** Runs every check after the other, and writes one line of JSON with what came of it. */
exports.runChecks = async modules => {
  const warnings = [];
  process.on('warning', warning => void warnings.push(String(warning)));
  const checks = {
    ...uploads.checks,
    ...failures.checks,
    ...service.checks,
    ...dispatchers.checks,
    ...bytesOut.checks,
    // Where this Nest comes with its Swagger.
    ...(modules.swagger && documents.checks),
    // Nest's own interceptor, where the adapter has one.
    ...(modules.FileInterceptor && { ...uploads.engineChecks, ...failures.engineChecks }),
  };
  const failed = [];
  for (const [name, check] of Object.entries(checks)) {
    try {
      await check(modules);
    } catch (error) {
      failed.push(`${name}: ${error.stack}`);
    }
  }
  const passed = Object.keys(checks).length - failed.length;
  // A process that has anything open would not end by itself; the runner's time limit finds that.
  console.log(JSON.stringify({ passed, failed: [...failed, ...warnings] }));
};
