import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import {
  Body,
  CanActivate,
  Controller,
  HttpException,
  Injectable,
  MaxFileSizeValidator,
  NestInterceptor,
  ParseFilePipe,
  Post,
  Res,
  type Type,
  UploadedFile,
  UseGuards,
  UseInterceptors,
  ValidationPipe,
} from '@nestjs/common';
import { IsInt } from 'class-validator';
import { concat, debounceTime, map, NEVER, Observable, of, race, take, throwError } from 'rxjs';
import {
  WxCloudFileInterceptor,
  WxCloudFilesInterceptor,
  WxCloudStorageService,
  wxCloudUpload,
} from '../../../../lib/index.js';
import type { Adapter } from '../../../support/adapters.js';

interface Next {
  handle(): Observable<unknown>;
}

/**
 * Emits once no request to the cloud has begun for half a second. Time alone could pass before the
 * upload has begun, on a slow machine.
 */
const pauseOfRequests = new Observable<void>(subscriber => {
  const channel = 'tracing:wx-cloud-storage:request:start';
  const onStart = (): void => subscriber.next();
  subscribe(channel, onStart);
  return () => unsubscribe(channel, onStart);
}).pipe(debounceTime(500), take(1));

@Injectable()
class TimeoutInterceptor implements NestInterceptor {
  intercept(_: unknown, next: Next) {
    const timeout = pauseOfRequests.pipe(
      map(() => {
        throw new Error('the handler takes too long');
      }),
    );
    return race(next.handle(), timeout);
  }
}

@Injectable()
class FailingAfterwards implements NestInterceptor {
  intercept(_: unknown, next: Next) {
    return next.handle().pipe(
      map(() => {
        throw new Error('failed after the handler');
      }),
    );
  }
}

/** Responds itself when the handler takes longer. */
@Injectable()
class AnsweringEarly implements NestInterceptor {
  intercept(_: unknown, next: Next) {
    return race(next.handle(), pauseOfRequests.pipe(map(() => ({ early: true }))));
  }
}

@Injectable()
class RefusingGuard implements CanActivate {
  canActivate() {
    return false;
  }
}

class Album {
  @IsInt()
  year!: number;
}

const parseFile = new ParseFilePipe({ validators: [new MaxFileSizeValidator({ maxSize: 10 })] });
const validate = new ValidationPipe({ expectedType: Album });
const options = { path: 'photos/' };
const limits = { fileSize: 4_194_304 };

/** A controller whose routes fail after, while or before a file is stored. */
export function failingController({ FileInterceptor }: Adapter): Type {
  const ours = WxCloudFileInterceptor('photo', options);

  @Controller()
  class FailingController {
    constructor(private readonly storage: WxCloudStorageService) {}

    @Post('throws')
    @UseInterceptors(ours)
    throws(): never {
      throw new Error('the handler failed');
    }

    @Post('rejects')
    @UseInterceptors(ours)
    async rejects(): Promise<never> {
      throw new HttpException('no room in the album', 409);
    }

    @Post('errors')
    @UseInterceptors(ours)
    errors(): Observable<never> {
      return throwError(() => new Error('the observable failed'));
    }

    @Post('errors-late')
    @UseInterceptors(ours)
    errorsLate(): Observable<unknown> {
      return concat(
        of({ first: 'a value' }),
        throwError(() => new Error('failed after a value')),
      );
    }

    @Post('storage-error')
    @UseInterceptors(ours)
    async storageError() {
      await this.storage.stat('cloud://foreign.bucket/a.png');
    }

    @Post('pipe')
    @UseInterceptors(ours)
    pipe(@UploadedFile(parseFile) photo: object) {
      return photo;
    }

    @Post('validation')
    @UseInterceptors(ours)
    validation(@Body(validate) album: Album) {
      return album;
    }

    @Post('guard')
    @UseGuards(RefusingGuard)
    @UseInterceptors(ours)
    guard() {
      return 'unreachable';
    }

    @Post('outer-timeout')
    @UseInterceptors(TimeoutInterceptor, ours)
    outerTimeout() {
      return NEVER;
    }

    @Post('outer-failure')
    @UseInterceptors(FailingAfterwards, ours)
    outerFailure() {
      return of({ ok: true });
    }

    @Post('early-response')
    @UseInterceptors(AnsweringEarly, ours)
    earlyResponse() {
      return NEVER;
    }

    @Post('error-response')
    @UseInterceptors(ours)
    errorResponse(@Res() response: { status(code: number): { send(body: object): void } }) {
      response.status(422).send({ refused: true });
    }

    @Post('path-throws')
    @UseInterceptors(
      WxCloudFileInterceptor('photo', {
        path: () => {
          throw new HttpException('choose an album first', 428);
        },
      }),
    )
    pathThrows() {
      return 'unreachable';
    }

    @Post('own-paths')
    @UseInterceptors(
      WxCloudFilesInterceptor('photo', 2, { path: ({ originalname }) => `own/${originalname}` }),
    )
    ownPaths(): never {
      throw new Error('the handler failed');
    }

    @Post('engine-throws')
    @UseInterceptors(FileInterceptor('photo', { storage: wxCloudUpload(options), limits }))
    engineThrows(): never {
      throw new Error('the handler failed');
    }

    @Post('engine-pipe')
    @UseInterceptors(FileInterceptor('photo', { storage: wxCloudUpload(options), limits }))
    enginePipe(@UploadedFile(parseFile) photo: object) {
      return photo;
    }

    @Post('engine-timeout')
    @UseInterceptors(
      TimeoutInterceptor,
      FileInterceptor('photo', { storage: wxCloudUpload(options), limits }),
    )
    engineTimeout() {
      return NEVER;
    }
  }
  return FailingController;
}
