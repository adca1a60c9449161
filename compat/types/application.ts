import 'reflect-metadata';
import { Controller, Module, Post, UploadedFile, UseInterceptors } from '@nestjs/common';
import {
  FileId,
  WxCloudFileInterceptor,
  WxCloudStorageError,
  WxCloudStorageModule,
  WxCloudStorageService,
} from 'nestjs-wx-cloud-storage';
import type { WxCloudStorageOptions, WxCloudUploadedFile } from 'nestjs-wx-cloud-storage';
import { startWxCloudEmulator } from 'nestjs-wx-cloud-storage/emulator';
import type { WxCloudEmulator } from 'nestjs-wx-cloud-storage/emulator';
import { redisAccessTokenStore } from 'nestjs-wx-cloud-storage/redis';
import { ApiWxCloudFile, WxCloudErrorBody } from 'nestjs-wx-cloud-storage/swagger';
import type { WxCloudHealthResult } from 'nestjs-wx-cloud-storage/terminus';
import { pendingFileStoreContract } from 'nestjs-wx-cloud-storage/testing';

@Controller('photos')
export class PhotosController {
  constructor(private readonly storage: WxCloudStorageService) {}

  @Post()
  @ApiWxCloudFile('photo')
  @UseInterceptors(WxCloudFileInterceptor('photo', { path: 'photos/', contentTypes: ['image/*'] }))
  async create(@UploadedFile() photo: WxCloudUploadedFile, @FileId() fileId: string) {
    const size: number = photo.size;
    const bytes: Buffer = await this.storage.downloadBuffer(fileId);
    return { fileId, size, bytes };
  }
}

export function makeModule(emulator: WxCloudEmulator): unknown {
  const options: WxCloudStorageOptions = emulator.options;
  @Module({
    imports: [WxCloudStorageModule.forRoot({ ...options, isGlobal: true })],
    controllers: [PhotosController],
  })
  class ApplicationModule {}
  return ApplicationModule;
}

export const start: () => Promise<WxCloudEmulator> = startWxCloudEmulator;
export const storeOf = redisAccessTokenStore;
export const casesOf = pendingFileStoreContract;
export const codeOf = (error: WxCloudStorageError): string => error.code;

// Each fails to compile where a type has become `any`, as one that is not found does.
// @ts-expect-error a code is no number
export const wrongCode = (error: WxCloudStorageError): number => error.code;
// @ts-expect-error an emulator is no number
export const wrongEmulator = async (): Promise<number> => startWxCloudEmulator();
// @ts-expect-error a store is no number
export const wrongStore = (client: never): number => redisAccessTokenStore(client);
// @ts-expect-error a name is no number
export const wrongName = (store: never): number => pendingFileStoreContract(() => store)[0]?.name;
// @ts-expect-error a status is no text
export const wrongStatus = (body: WxCloudErrorBody): string => body.statusCode;
// @ts-expect-error a size is no text
export const wrongSize = (file: WxCloudUploadedFile): string => file.size;
// @ts-expect-error a status is no number
export const wrongHealth = (result: WxCloudHealthResult<'a'>): number => result.a.status;
