import { expected, makeDocument } from '../../../compat/suite/documents.cjs';
import { describe, expect, it } from '@jest/globals';
import * as common from '@nestjs/common';
import * as core from '@nestjs/core';
import { ExpressAdapter } from '@nestjs/platform-express';
import * as swagger from '@nestjs/swagger';
import { HTTP_RESPONSES } from '../../../lib/http/http-exception.js';
import * as storage from '../../../lib/index.js';
import * as wxSwagger from '../../../lib/swagger/index.js';
import { REFUSALS } from '../../../lib/swagger/upload-decorators.js';

describe('the decorators for OpenAPI documents', () => {
  it('generate the document in the fixture', async () => {
    const createAdapter = () => new ExpressAdapter();
    const modules = { common, core, storage, swagger, wxSwagger, createAdapter };
    expect(await makeDocument(modules)).toEqual(expected);
  });

  it.each(REFUSALS)('name the codes with the status $status', ({ status, codes }) => {
    expect(codes.map(code => HTTP_RESPONSES[code].status)).toEqual(codes.map(() => status));
  });
});

describe('WxCloudUploadedFile', () => {
  const pipe = new common.ValidationPipe({ transform: true, whitelist: true });

  it('leaves files unchanged as a parameter type of a transforming pipe', async () => {
    const file = { fieldname: 'photo', fileId: 'cloud://env.bucket/a.png' };
    const metatype = storage.WxCloudUploadedFile;
    expect(await pipe.transform(file, { type: 'custom', metatype })).toBe(file);
  });

  it('adds nothing to a class that extends it', () => {
    class Photo extends storage.WxCloudUploadedFile {}
    expect(Object.keys(new Photo())).toEqual([]);
  });
});
