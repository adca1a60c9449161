export { isMultipart, readBoundary } from './boundary.js';
export { formBroken, formInvalid } from './form-invalid.js';
export { FormReader, type FormFile, type FormLimits } from './form-reader.js';
export type { PartSink } from './multipart-splitter.js';
export type { FormBody } from './text-fields.js';
