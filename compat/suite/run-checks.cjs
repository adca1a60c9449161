'use strict';

const bytesOut = require('./bytes-out.cjs');
const dispatchers = require('./dispatchers.cjs');
const documents = require('./documents.cjs');
const uploads = require('./uploads.cjs');
const failures = require('./failures.cjs');
const health = require('./health.cjs');
const service = require('./service.cjs');

/** Runs all checks one after the other, and writes the results as one line of JSON. */
exports.runChecks = async modules => {
  const warnings = [];
  process.on('warning', warning => void warnings.push(String(warning)));
  const checks = {
    ...uploads.checks,
    ...failures.checks,
    ...service.checks,
    ...dispatchers.checks,
    ...bytesOut.checks,
    // For versions of Nest that are installed with the optional peers.
    ...(modules.swagger && documents.checks),
    ...(modules.terminus && health.checks),
    // For adapters with Nest's own interceptor.
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
  // A process with open handles would not end by itself; the runner's timeout finds that.
  console.log(JSON.stringify({ passed, failed: [...failed, ...warnings] }));
};
