import config from './jest.config.mjs';

// Properties are checked with more values than in `npm test`: test/support/properties.ts.
process.env.FAST_CHECK_RUNS ??= '20';

/** @type {import('jest').Config} */
export default {
  ...config,
  testMatch: ['**/test/long/**/*.spec.ts', '**/*.properties.spec.ts'],
  testPathIgnorePatterns: ['/node_modules/'],
  // Each of them measures, or fills both cores by itself.
  maxWorkers: 1,
};
