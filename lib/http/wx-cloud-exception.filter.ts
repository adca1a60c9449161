import { Catch, HttpException, type ArgumentsHost } from '@nestjs/common';
import { BaseExceptionFilter } from '@nestjs/core';
import { throwError, type Observable } from 'rxjs';
import { WxCloudStorageError } from '../errors/index.js';
import { toLoggedException } from './failure-log.js';

/**
 * Answers errors of this package that a handler lets through, on routes without one of its
 * interceptors, with the status of their code, and logs those that are a 5xx. Message handlers,
 * gateways and resolvers are answered with the same text, and no status. Use it as
 * `app.useGlobalFilters(new WxCloudExceptionFilter(app.getHttpAdapter()))`, or as a provider of
 * `APP_FILTER`. Without an adapter it leaves the answer to Nest's own filter.
 */
@Catch(WxCloudStorageError)
export class WxCloudExceptionFilter extends BaseExceptionFilter {
  /** Called by Nest. */
  override catch(error: WxCloudStorageError, host: ArgumentsHost): Observable<never> | void {
    const type = host.getType<string>();
    const request = type === 'http' ? host.switchToHttp().getRequest<object>() : undefined;
    const answer = toLoggedException(error, request);
    if (type === 'http' && this.#hasAdapter()) return super.catch(answer, host);
    if (type === 'rpc') return throwError(() => describe(answer));
    // Nest's own filter answers it; thrown in a gateway, it would end the process.
    if (type !== 'ws') throw answer;
    emitException(host.switchToWs().getClient<Client>(), describe(answer));
  }

  /** False for one that the application made as `new WxCloudExceptionFilter()`. */
  #hasAdapter(): boolean {
    return this.applicationRef !== undefined || this.httpAdapterHost !== undefined;
  }
}

/** A client of a gateway: that of Socket.IO, or a plain WebSocket. */
interface Client {
  readonly readyState?: unknown;
  send?(text: string): unknown;
  emit?(event: string, data: unknown): unknown;
}

/** As Nest itself tells clients of gateways and of microservices that something has failed. */
function describe(answer: unknown): object {
  const { message, errorCode } = (answer as HttpException).getResponse() as Record<string, unknown>;
  return { status: 'error', message, errorCode };
}

/** The `emit` of a plain WebSocket reaches its own listeners only. */
function emitException(client: Client, data: object): void {
  if (typeof client.readyState === 'number') {
    client.send?.(JSON.stringify({ event: 'exception', data }));
  } else client.emit?.('exception', data);
}
