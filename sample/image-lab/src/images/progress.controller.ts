import { Controller, Param, Sse, type MessageEvent } from '@nestjs/common';
import { WxUploadProgress } from 'nestjs-wx-cloud-storage';
import type { Observable } from 'rxjs';

/** How far uploads have got on their way from here to the storage. */
@Controller('api/progress')
export class ProgressController {
  constructor(private readonly progress: WxUploadProgress) {}

  /** For an `EventSource`; the ID is the one that the page sends with its form. */
  @Sse(':id')
  watch(@Param('id') id: string): Observable<MessageEvent> {
    return this.progress.watch(id);
  }
}
