import {
  Body,
  Controller,
  Get,
  HttpCode,
  Inject,
  Post,
  Query,
  StreamableFile,
} from '@nestjs/common';
import { WxCloudStorageService } from 'nestjs-wx-cloud-storage';
import { tell } from '../support/processes.mjs';
import { decorate, decorateParameters } from './decorate.mjs';

/**
 * Reads and deletes stored files. The runner is told about the start and the success of each
 * deletion.
 */
export class FilesController {
  constructor(storage) {
    this.storage = storage;
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

  async delete({ fileIds }) {
    for (const fileId of fileIds) tell({ type: 'deleting', fileId });
    const outcomes = await this.storage.deleteMany(fileIds);
    const deleted = outcomes.filter(({ ok }) => ok).map(({ fileId }) => fileId);
    for (const fileId of deleted) tell({ type: 'deleted', fileId });
    return { deleted };
  }
}

Inject(WxCloudStorageService)(FilesController, undefined, 0);
for (const route of ['stream', 'buffer', 'stat']) {
  decorateParameters(FilesController, route, [[Query('fileId')]]);
  decorate(FilesController, route, [Get(route)]);
}
decorateParameters(FilesController, 'delete', [[Body()]]);
decorate(FilesController, 'delete', [Post('delete'), HttpCode(200)]);
Controller('files')(FilesController);
