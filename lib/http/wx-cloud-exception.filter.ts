import { Catch, type ArgumentsHost } from '@nestjs/common';
import { BaseExceptionFilter } from '@nestjs/core';
import { WxCloudStorageError } from '../errors/index.js';
import { toHttpException } from './http-exception.js';

/**
 * Answers errors of this package that a handler lets through, on routes without one of its interceptors, with the
 * status of their code. Use it as `app.useGlobalFilters(new WxCloudExceptionFilter(app.getHttpAdapter()))`, or as a provider
 * of `APP_FILTER`.
 */
@Catch(WxCloudStorageError)
export class WxCloudExceptionFilter extends BaseExceptionFilter {
  /** Called by Nest. */
  override catch(error: WxCloudStorageError, host: ArgumentsHost): void {
    super.catch(toHttpException(error), host);
  }
}
