export type { AnswerTarget, HijackableReply } from './answer-target.js';
export { formatDisposition, type Disposition } from './content-disposition.js';
export { answerWithFile, toStreamableFile } from './serve-file.js';
export type { ServedFileOptions, ServedRequest, ServeOptions } from './serve-options.js';
