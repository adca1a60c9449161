export * from './cloud-path.js';
export * from './file-id.js';
