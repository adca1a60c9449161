import { Controller, Param, Sse, type MessageEvent } from '@nestjs/common';
import { WxCloudUploadProgress } from 'nestjs-wx-cloud-storage';
import { defer, finalize, type Observable } from 'rxjs';
import { ImageError } from './image-error.js';
import { WATCHERS } from './limits.js';

/** Progress of uploads from this server to the storage. */
@Controller('api/progress')
export class ProgressController {
  #watchers = 0;

  constructor(private readonly progress: WxCloudUploadProgress) {}

  /**
   * Sends the progress to an `EventSource`. The page sends the same ID with its form.
   * @throws {ImageError} `LAB_BUSY`
   */
  @Sse(':id')
  watch(@Param('id') id: string): Observable<MessageEvent> {
    if (this.#watchers >= WATCHERS) {
      throw new ImageError('LAB_BUSY', 'Too many uploads are watched. Try again in a moment.');
    }
    const events = this.progress.watch(id);
    return defer(() => {
      this.#watchers += 1;
      return events;
    }).pipe(finalize(() => (this.#watchers -= 1)));
  }
}
