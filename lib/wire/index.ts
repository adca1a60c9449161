export * from './access-token.js';
export * from './batch-item.js';
export * from './cos-error.js';
export * from './decoding.js';
export * from './delete-files.js';
export * from './download-links.js';
export * from './etag.js';
export * from './upload-link.js';
