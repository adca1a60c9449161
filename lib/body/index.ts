export {
  detectContentType,
  isAcceptedType,
  loadDetector,
  UNKNOWN_CONTENT_TYPE,
} from './detect-content-type.js';
export { formatMediaType, parseMediaType, readMediaType, type MediaType } from './media-type.js';
export { fitsContent, toServedType } from './served-type.js';
export { IdleTimer } from './idle-timer.js';
export { DiskBudget } from './disk-budget.js';
export { KeptPieces } from './kept-pieces.js';
export {
  MemoryBudget,
  MemoryShare,
  startMemoryUse,
  type MemoryUse,
  type MovableMemory,
} from './memory-budget.js';
export {
  openSource,
  typeOfSource,
  type QueuedSource,
  type SourceContext,
  type SourceInput,
  type UploadSource,
} from './open-source.js';
export { abandonSource, readPieces } from './read-pieces.js';
export {
  NO_PIECE,
  resumePieces,
  type PieceResult,
  type Pieces,
  type WaitingReader,
} from './pieces.js';
export { HEAD_BYTES, type BodyBytes, type UploadBody } from './upload-body.js';
