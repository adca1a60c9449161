import { Controller, Inject, Param, Sse } from '@nestjs/common';
import { WxCloudUploadProgress } from 'nestjs-wx-cloud-storage';
import { decorate, decorateParameters } from './decorate.mjs';

/** Shows the progress of uploads, of those on other replicas too. */
export class ProgressController {
  constructor(progress) {
    this.progress = progress;
  }

  watch(id) {
    return this.progress.watch(id);
  }
}

Inject(WxCloudUploadProgress)(ProgressController, undefined, 0);
decorateParameters(ProgressController, 'watch', [[Param('id')]]);
decorate(ProgressController, 'watch', [Sse('watch/:id')]);
Controller('progress')(ProgressController);
