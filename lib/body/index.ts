export {
  detectContentType,
  isAcceptedType,
  UNKNOWN_CONTENT_TYPE,
  type DetectedType,
} from './detect-content-type.js';
export { MemoryBudget } from './memory-budget.js';
export {
  openFileBody,
  openUploadBody,
  type OpenBodyContext,
  type UploadSource,
} from './open-upload-body.js';
export { abandonSource } from './read-pieces.js';
export type { UploadBody } from './upload-body.js';
