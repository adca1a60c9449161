import {
  Injectable,
  type CallHandler,
  type ExecutionContext,
  type NestInterceptor,
} from '@nestjs/common';
import type { WxCloudReply } from 'nestjs-wx-cloud-storage';
import { concatMap, type Observable } from 'rxjs';
import { ImagesService, type ResultView } from './images.service.js';
import { workOf } from './request-work.js';

/**
 * Adds the file that `WxCloudReplyInterceptor` has stored to the gallery; it must therefore run
 * outside of that one. If this fails, that interceptor deletes the file, as it does whenever the
 * response does not arrive.
 */
@Injectable()
export class ResultInterceptor implements NestInterceptor<WxCloudReply, ResultView> {
  constructor(private readonly images: ImagesService) {}

  intercept(context: ExecutionContext, next: CallHandler<WxCloudReply>): Observable<ResultView> {
    const work = workOf(context);
    return next.handle().pipe(concatMap(reply => this.images.addResult(reply, work)));
  }
}
