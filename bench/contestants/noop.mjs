// The framework's own cost: Nest parses the form, and the file is discarded.
import { FilesInterceptor } from '@nestjs/platform-express';
import { answerFor, LIMITS, startNest } from './nest.mjs';

const discard = {
  _handleFile(_request, { stream }, callback) {
    let size = 0;
    stream.on('data', chunk => {
      size += chunk.byteLength;
    });
    stream.once('error', callback);
    stream.once('end', () => callback(null, { size }));
  },
  _removeFile: (_request, _file, callback) => callback(null),
};

/** Starts the contestant. */
export function start() {
  const interceptor = FilesInterceptor('file', 100, { storage: discard, limits: LIMITS });
  return startNest({ interceptor, store: answerFor });
}
