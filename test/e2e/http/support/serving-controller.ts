import { Controller, Get, Query, Req, Res } from '@nestjs/common';
import {
  WxCloudStorageService,
  type WxCloudServedRequest,
  type WxCloudServedResponse,
  type WxCloudServeOptions,
} from '../../../../lib/index.js';

/** Serves the file `fileId` of the query, with the options that its `options` holds as JSON. */
@Controller()
export class ServingController {
  constructor(private readonly storage: WxCloudStorageService) {}

  @Get('serve')
  async serve(
    @Query() { fileId = '', options = '{}' }: Record<string, string>,
    @Req() request: WxCloudServedRequest,
    @Res() response: WxCloudServedResponse,
  ) {
    const given = JSON.parse(options) as Partial<WxCloudServeOptions>;
    await this.storage.serve(fileId, { ...given, request, response });
  }

  @Get('streamable')
  streamable(@Query() { fileId = '', options = '{}' }: Record<string, string>) {
    return this.storage.serve(fileId, JSON.parse(options) as Partial<WxCloudServeOptions>);
  }
}
