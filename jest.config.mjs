/** @type {import('jest').Config} */
export default {
  testEnvironment: '<rootDir>/test/support/environment.mjs',
  roots: ['<rootDir>/test'],
  testMatch: ['**/*.spec.ts'],
  // Those take minutes and gigabytes: `npm run test:long`.
  testPathIgnorePatterns: ['/node_modules/', '<rootDir>/test/long/'],
  globalSetup: '<rootDir>/test/support/report-missing-programs.mjs',
  testSequencer: '<rootDir>/test/support/slow-first.mjs',
  reporters: [['summary', { summaryThreshold: 0 }]],
  extensionsToTreatAsEsm: ['.ts'],
  moduleNameMapper: { '^(\\.{1,2}/.*)\\.js$': '$1' },
  transform: {
    '^.+\\.ts$': [
      '@swc/jest',
      {
        jsc: {
          target: 'es2022',
          parser: { syntax: 'typescript', decorators: true },
          transform: { legacyDecorator: true, decoratorMetadata: true },
        },
        module: { type: 'es6' },
      },
    ],
  },
  // For tests that hang; no machine is to be so busy that it decides.
  testTimeout: 180_000,
  // More than twice the cores of most machines that run this, as tests also wait for time limits.
  maxWorkers: 5,
  // What modules and garbage a suite leaves slows the later ones down, and the end.
  workerIdleMemoryLimit: '500MB',
};
