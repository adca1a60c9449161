import { randomUUID } from 'node:crypto';
import {
  Controller,
  ParseFilePipeBuilder,
  Post,
  Req,
  Res,
  UploadedFile,
  UploadedFiles,
  UseInterceptors,
} from '@nestjs/common';
import {
  WxCloudAnyFilesInterceptor,
  WxCloudFileFieldsInterceptor,
  WxCloudFileInterceptor,
  WxCloudFilesInterceptor,
} from 'nestjs-wx-cloud-storage';
import { LIMIT_BYTES } from '../support/limits.mjs';
import { WAYS } from '../support/ways.mjs';
import { decorate, decorateParameters } from './decorate.mjs';
import { giveOrFail, ImpatientInterceptor } from './failing.mjs';
import { noteFiles } from './request-log.mjs';

/** A unique path that the package does not recognize as such: the application must vouch for it. */
const ownPath = () => `own/${randomUUID()}`;
/** A path with the package's own random ID, which the package knows to be unique. */
const pathOfFile = ({ uuid }) => `fields/${uuid}`;
/** A path that several requests may share: failed uploads are not deleted there. */
const sharedPath = (file, { headers }) => headers['x-soak-path'];
const limits = { fileSize: 8 * 1024 * 1024 };
/** Without the header nobody watches. */
const progressId = { header: 'x-soak-progress' };

const REFUSING_PIPE = new ParseFilePipeBuilder()
  .addMaxSizeValidator({ maxSize: 1 })
  .build({ errorHttpStatusCode: 422 });

/** The routes of one instance: the interceptor, and the decorator that gives its files. */
const routesOf = storage => ({
  one: [WxCloudFileInterceptor('file', { storage, limits, path: 'one/' }), UploadedFile()],
  images: [
    WxCloudFileInterceptor('file', { storage, limits, contentTypes: ['image/*'] }),
    UploadedFile(),
  ],
  many: [WxCloudFilesInterceptor('file', 4, { storage, limits, progressId }), UploadedFiles()],
  album: [
    WxCloudFilesInterceptor('file', 4, { storage, limits, contentTypes: ['image/*'] }),
    UploadedFiles(),
  ],
  fields: [
    WxCloudFileFieldsInterceptor([{ name: 'file' }, { name: 'cover', maxCount: 1 }], {
      storage,
      limits,
      path: pathOfFile,
    }),
    UploadedFiles(),
  ],
  declared: [
    WxCloudAnyFilesInterceptor({
      storage,
      limits,
      path: ownPath,
      uniquePath: true,
      declaredSize: { header: 'x-soak-sizes' },
    }),
    UploadedFiles(),
  ],
  shared: [WxCloudFileInterceptor('file', { storage, limits, path: sharedPath }), UploadedFile()],
  limited: [
    WxCloudFileInterceptor('file', { storage, limits: { fileSize: LIMIT_BYTES } }),
    UploadedFile(),
  ],
  piped: [WxCloudFileInterceptor('file', { storage, limits }), UploadedFile(REFUSING_PIPE)],
});

/** Creates a controller that uploads through every interceptor, a route for each. */
function controllerOf({ path, storage }) {
  class UploadController {
    answer(given, request, response) {
      const files = given.fileId === undefined ? Object.values(given).flat() : [given];
      noteFiles(request, files);
      const stored = files.map(({ originalname, fileId, size }) => ({
        name: originalname,
        fileId,
        size,
      }));
      return giveOrFail(request, response, { files: stored });
    }
  }
  for (const [route, [interceptor, files]] of Object.entries(routesOf(storage))) {
    UploadController.prototype[route] = function (...parameters) {
      return this.answer(...parameters);
    };
    decorateParameters(UploadController, route, [[files], [Req()], [Res({ passthrough: true })]]);
    decorate(UploadController, route, [
      Post(route),
      UseInterceptors(ImpatientInterceptor, interceptor),
    ]);
  }
  Controller(path)(UploadController);
  return UploadController;
}

/** A controller for each way that bytes take to the cloud. */
export const UPLOAD_CONTROLLERS = WAYS.map(controllerOf);
