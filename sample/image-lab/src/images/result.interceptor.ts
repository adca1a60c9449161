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
 * Takes what `WxCloudReplyInterceptor` has stored into the gallery, so it has to be outside of it.
 * When this fails, that one removes the file, as it does whenever the answer does not arrive.
 */
@Injectable()
export class ResultInterceptor implements NestInterceptor<WxCloudReply, ResultView> {
  constructor(private readonly images: ImagesService) {}

  intercept(context: ExecutionContext, next: CallHandler<WxCloudReply>): Observable<ResultView> {
    const work = workOf(context);
    return next.handle().pipe(concatMap(reply => this.images.addResult(reply, work)));
  }
}
