import { randomUUID } from 'node:crypto';
import {
  Body,
  Controller,
  Get,
  HttpCode,
  Inject,
  Post,
  Query,
  Req,
  StreamableFile,
} from '@nestjs/common';
import { getWxCloudStorageToken, WxCloudStorageService } from 'nestjs-wx-cloud-storage';
import { tell } from '../support/processes.mjs';
import { WAYS } from '../support/ways.mjs';
import { pathOf, siblingOf } from '../support/paths.mjs';
import { decorate, decorateParameters } from './decorate.mjs';
import { noteFiles } from './request-log.mjs';

/**
 * Creates a controller that reads and deletes stored files. The runner is told about the start and
 * the success of each deletion.
 */
function controllerOf({ path, storage }) {
  class FilesController {
    constructor(service) {
      this.storage = service;
    }

    async stream(fileId) {
      const { body, size } = await this.storage.download(fileId);
      return new StreamableFile(body, { length: size });
    }

    async buffer(fileId) {
      return new StreamableFile(await this.storage.downloadBuffer(fileId));
    }

    async stat(fileId) {
      return this.storage.stat(fileId);
    }

    async list(fileId) {
      const fileIds = [];
      for await (const entry of this.storage.list({ prefix: pathOf(fileId) }))
        fileIds.push(entry.fileId);
      return { fileIds };
    }

    /**
     * The copy has the name that the client chose. It is registered before it is made, as a process
     * that is killed behind that could not do it.
     */
    async copy({ fileId, name }, request) {
      const toPath = `copies/${randomUUID()}`;
      noteFiles(request, [{ originalname: name, fileId: siblingOf(fileId, toPath) }]);
      const copy = await this.storage.copy(fileId, toPath, { uniquePath: true });
      noteFiles(request, [{ ...copy, originalname: name }]);
      return { files: [{ name, fileId: copy.fileId, size: copy.size }] };
    }

    async delete({ fileIds }) {
      for (const fileId of fileIds) tell({ type: 'deleting', fileId });
      const outcomes = await this.storage.deleteMany(fileIds);
      const deleted = outcomes.filter(({ ok }) => ok).map(({ fileId }) => fileId);
      for (const fileId of deleted) tell({ type: 'deleted', fileId });
      return { deleted };
    }
  }

  Inject(storage === undefined ? WxCloudStorageService : getWxCloudStorageToken(storage))(
    FilesController,
    undefined,
    0,
  );
  for (const route of ['stream', 'buffer', 'stat', 'list']) {
    decorateParameters(FilesController, route, [[Query('fileId')]]);
    decorate(FilesController, route, [Get(route)]);
  }
  decorateParameters(FilesController, 'copy', [[Body()], [Req()]]);
  decorate(FilesController, 'copy', [Post('copy')]);
  decorateParameters(FilesController, 'delete', [[Body()]]);
  decorate(FilesController, 'delete', [Post('delete'), HttpCode(200)]);
  Controller(`${path}/files`)(FilesController);
  return FilesController;
}

/** A controller for each way to the cloud; all see the same files. */
export const FILES_CONTROLLERS = WAYS.map(controllerOf);
