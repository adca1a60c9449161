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
  UploadedFile,
  UseGuards,
  UseInterceptors,
  ValidationPipe,
} from '@nestjs/common';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { IsInt } from 'class-validator';
import { concat, map, NEVER, of, race, throwError, timeout, timer, type Observable } from 'rxjs';
import {
  WxCloudFileInterceptor,
  WxCloudFilesInterceptor,
  WxCloudStorageService,
  wxCloudUpload,
} from '../../../lib/index.js';
import { ADAPTERS, type Adapter } from '../../support/adapters.js';
import { PNG } from '../../support/forms.js';
import { until } from '../../support/until.js';
import {
  expectNothingLeft,
  startEdgeApplication,
  type EdgeApplication,
} from './support/edge-application.js';

interface Next {
  handle(): Observable<unknown>;
}

@Injectable()
class TimeoutInterceptor implements NestInterceptor {
  intercept(_: unknown, next: Next) {
    return next.handle().pipe(timeout(500));
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
    return race(next.handle(), timer(500).pipe(map(() => ({ early: true }))));
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

function failingController({ FileInterceptor }: Adapter) {
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
    @UseInterceptors(FileInterceptor('photo', { storage: wxCloudUpload(options) }))
    engineThrows(): never {
      throw new Error('the handler failed');
    }

    @Post('engine-pipe')
    @UseInterceptors(FileInterceptor('photo', { storage: wxCloudUpload(options) }))
    enginePipe(@UploadedFile(parseFile) photo: object) {
      return photo;
    }

    @Post('engine-timeout')
    @UseInterceptors(
      TimeoutInterceptor,
      FileInterceptor('photo', { storage: wxCloudUpload(options) }),
    )
    engineTimeout() {
      return NEVER;
    }
  }
  return FailingController;
}

describe.each(ADAPTERS)('a failed request on $name', adapter => {
  let application: EdgeApplication;
  beforeAll(async () => {
    application = await startEdgeApplication({
      adapter,
      controllers: [failingController(adapter)],
    });
  });
  afterEach(() => application.emulator.reset());
  afterAll(() => application.close());

  it.each([
    ['the handler throws', 'throws', 500],
    ['the handler rejects', 'rejects', 409],
    ["the handler's observable fails", 'errors', 500],
    ["the handler's observable fails after a value", 'errors-late', 500],
    ['ParseFilePipe rejects the file', 'pipe', 400],
    ['ValidationPipe rejects a text field', 'validation', 400],
  ])('leaves no object at the time of its response when %s', async (_, path, expectedStatus) => {
    const { status } = await application.post(path);

    expect(status).toBe(expectedStatus);
    expect(application.emulator.objects).toEqual([]);
    expect(application.count('post-object')).toBe(1);
    await expectNothingLeft(application);
  });

  it.each([
    ['an outer interceptor times out', 'outer-timeout', 500],
    ['an outer interceptor fails afterwards', 'outer-failure', 500],
    ['an outer interceptor responds in place of the handler', 'early-response', 201],
    ['the handler sends an error response itself', 'error-response', 422],
    ["the handler behind Nest's own interceptor throws", 'engine-throws', 500],
    ["a pipe behind Nest's own interceptor rejects", 'engine-pipe', 400],
    ["an interceptor outside Nest's own one times out", 'engine-timeout', 500],
  ])('leaves no object when %s', async (_, path, expectedStatus) => {
    const { status } = await application.post(path);

    expect(status).toBe(expectedStatus);
    await until(() => application.count('delete-files') > 0, 'a removal');
    await expectNothingLeft(application);
  });

  it('leaves no object when an outer interceptor times out during the upload', async () => {
    const { emulator } = application;
    emulator.faults.add({ operation: 'post-object', effect: { kind: 'delay', delayMs: 1_500 } });

    expect(await application.post('outer-timeout')).toMatchObject({ status: 500 });

    await until(() => application.count('post-object') > 0, 'the response of the cloud');
    await expectNothingLeft(application);
  });

  it('leaves no object when the response is sent before the file is stored', async () => {
    const { emulator } = application;
    emulator.faults.add({ operation: 'post-object', effect: { kind: 'delay', delayMs: 1_500 } });

    expect(await application.post('early-response')).toMatchObject({
      status: 201,
      body: { early: true },
    });

    await until(() => application.count('post-object') > 0, 'the response of the cloud');
    await expectNothingLeft(application);
  });

  it('stores nothing when a guard rejects it', async () => {
    expect(await application.post('guard')).toMatchObject({ status: 403 });
    expect(application.emulator.journal).toEqual([]);
    await expectNothingLeft(application);
  });

  it('is answered with the status of the error code when the storage fails in the handler', async () => {
    expect(await application.post('storage-error')).toMatchObject({
      status: 400,
      body: { errorCode: 'WX_CLOUD_FILE_ID_INVALID' },
    });
    await expectNothingLeft(application);
  });

  it('is answered with the error of a path function', async () => {
    expect(await application.post('path-throws')).toMatchObject({
      status: 428,
      body: { message: 'choose an album first' },
    });
    expect(application.emulator.journal).toEqual([]);
  });

  it('reports its files once, with their IDs, when they cannot be deleted', async () => {
    const { emulator, onOrphan } = application;
    emulator.faults.add({
      operation: 'delete-files',
      effect: { kind: 'item', status: -503002, errmsg: 'no permission' },
      times: Infinity,
    });

    await application.post('throws', [{ field: 'photo', file: PNG }]);

    const fileIds = emulator.objects.map(({ fileId }) => fileId);
    expect(fileIds).toHaveLength(1);
    expect(onOrphan.mock.calls).toEqual([[fileIds]]);
  });

  it('reports all its files at once when paths are not unique', async () => {
    const { emulator, onOrphan } = application;
    onOrphan.mockClear();

    await application.post('own-paths', [
      { field: 'photo', file: PNG, name: 'a.png' },
      { field: 'photo', file: PNG, name: 'b.png' },
    ]);

    const fileIds = emulator.objects.map(({ fileId }) => fileId);
    expect(fileIds).toHaveLength(2);
    expect(onOrphan.mock.calls).toEqual([[fileIds]]);
  });

  it('shows a client neither text of the cloud nor a credential', async () => {
    application.emulator.faults.add({
      operation: 'upload-link',
      effect: {
        kind: 'errcode',
        errcode: -501007,
        errmsg: 'bad parameter access_token=leaky-token-value',
      },
      times: Infinity,
    });

    expect(await application.post('throws')).toEqual({
      status: 502,
      body: {
        statusCode: 502,
        error: 'Bad Gateway',
        errorCode: 'WX_CLOUD_API_FAILED',
        message: 'The cloud storage could not complete the request.',
      },
    });
  });
});
