export { isMultipart, notAForm } from './boundary.js';
export { quoteText, toFileName } from './client-text.js';
export {
  discardRest,
  isOver,
  MAX_DISCARDED_BYTES,
  MAX_DISCARDING_MS,
  type RefusedRequest,
} from './discard-rest.js';
export type { FormLimits } from './form-budget.js';
export { formInvalid, NAME_REMEDY } from './form-invalid.js';
export type { FormClues, FormFile } from './form-reader.js';
export { isReasonToGiveUp, stalled, tookTooLong } from './form-stalled.js';
export { receiveForm, type ComingForm, type TakenFile } from './receive-form.js';
export type { FormBody } from './text-fields.js';
export { assertBytes } from './unread-request.js';
