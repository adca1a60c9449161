import config from './jest.config.mjs';

/** @type {import('jest').Config} */
export default {
  ...config,
  roots: ['<rootDir>/test/long'],
  testPathIgnorePatterns: ['/node_modules/'],
  // Each of them measures, or fills both cores by itself.
  maxWorkers: 1,
};
