export { assertNotEncoded, isMultipart, notAForm, readBoundary } from './boundary.js';
export { quoteText, toFileName } from './client-text.js';
export type { FormLimits, FormMemory } from './form-budget.js';
export { formBroken, formInvalid, NAME_REMEDY } from './form-invalid.js';
export { FormReader, type FormClues, type FormFile } from './form-reader.js';
export type { PartSink } from './multipart-splitter.js';
export type { FormBody } from './text-fields.js';
