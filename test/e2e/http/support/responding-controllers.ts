import type { ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import {
  Controller,
  Injectable,
  Post,
  Res,
  StreamableFile,
  UseInterceptors,
  type NestInterceptor,
  type Type,
} from '@nestjs/common';
import { map, type Observable } from 'rxjs';
import {
  WxCloudFileInterceptor,
  WxCloudReplyInterceptor,
  wxCloudUpload,
} from '../../../../lib/index.js';
import type { Adapter } from '../../../support/adapters.js';

/** More than a response takes before it asks to wait. */
export const CHUNKS = Array.from({ length: 64 }, (_, index) => `${index} ${'x'.repeat(16_000)}\n`);

/** The response of an adapter. */
export interface Reply {
  status(code: number): { send(body: object): void };
  readonly raw?: ServerResponse;
}

/** Node's response behind it. */
export const rawOf = (reply: Reply): ServerResponse =>
  reply.raw ?? (reply as unknown as ServerResponse);

/** The observations of handlers about their responses; emptied by tests. */
export const seen: unknown[] = [];

const codeOf = (call: () => unknown): unknown => {
  try {
    call();
    return undefined;
  } catch (error) {
    return (error as { code?: unknown }).code;
  }
};

async function* generate(): AsyncGenerator<string> {
  yield* CHUNKS;
}

@Injectable()
class FailingAfterwards implements NestInterceptor {
  intercept(_: unknown, next: { handle(): Observable<unknown> }) {
    return next.handle().pipe(
      map(() => {
        throw new Error('failed after the handler');
      }),
    );
  }
}

/** Controllers that respond in every way, behind our interceptor and behind Nest's own. */
export function respondingControllers({ FileInterceptor }: Adapter): readonly Type[] {
  const ours = WxCloudFileInterceptor('photo');
  const engine = FileInterceptor('photo', { storage: wxCloudUpload() });

  function routesOf(prefix: string, interceptor: typeof ours) {
    @Controller(prefix)
    @UseInterceptors(interceptor)
    class RoutesController {
      @Post('returned')
      returned() {
        return { stored: true };
      }

      @Post('replied')
      @UseInterceptors(WxCloudReplyInterceptor())
      replied() {
        return Buffer.from('a reply');
      }

      @Post('file')
      file() {
        return new StreamableFile(Readable.from(CHUNKS));
      }

      @Post('sent')
      sent(@Res() reply: Reply) {
        reply.status(201).send({ stored: true });
      }

      @Post('written')
      written(@Res() reply: Reply) {
        const response = rawOf(reply);
        response.writeHead(201, { 'content-type': 'text/plain', 'x-own': 'of the handler' });
        seen.push(codeOf(() => response.setHeader('x-late', '1')));
        seen.push(codeOf(() => response.writeHead(202)));
        response.write('one,');
        seen.push(response.headersSent, response.writableEnded);
        response.end('two');
        seen.push(response.writableEnded);
      }

      @Post('piped')
      piped(@Res() reply: Reply) {
        Readable.from(CHUNKS).pipe(rawOf(reply));
      }

      @Post('generated')
      async generated(@Res() reply: Reply) {
        await pipeline(generate(), rawOf(reply)).finally(() => seen.push('the end'));
      }

      @Post('flushed')
      flushed(@Res() reply: Reply) {
        rawOf(reply).flushHeaders();
        setImmediate(() => rawOf(reply).end('flushed'));
      }

      @Post('responds-and-throws')
      respondsAndThrows(@Res() reply: Reply) {
        reply.status(201).send({ stored: true });
        throw new Error('the log could not be written');
      }

      @Post('writes-and-throws')
      writesAndThrows(@Res() reply: Reply) {
        rawOf(reply).write('a part');
        throw new Error('failed within the response');
      }

      @Post('refused')
      refused(@Res() reply: Reply) {
        reply.status(422).send({ refused: true });
      }

      @Post('bad-header')
      badHeader(@Res() reply: Reply) {
        rawOf(reply).writeHead(201, { 'x-own': 'a\nb' }).end('never');
      }
    }
    return RoutesController;
  }

  @Controller()
  class OuterController {
    @Post('outer-failure')
    @UseInterceptors(FailingAfterwards, ours)
    outerFailure() {
      return { stored: true };
    }
  }
  return [routesOf('ours', ours), routesOf('engine', engine), OuterController];
}
