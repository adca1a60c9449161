import { ApiProperty, type ApiPropertyOptions } from '@nestjs/swagger';
import { WxCloudUploadedFile } from '../index.js';

const text = (description: string, example: string): ApiPropertyOptions => ({
  type: String,
  description,
  example,
});

const PROPERTIES: Readonly<Record<keyof WxCloudUploadedFile, ApiPropertyOptions>> = {
  fieldname: text('The name of the form field.', 'photo'),
  originalname: text('The name that the client gave, made safe to show.', 'cat.png'),
  encoding: text("The part's transfer encoding.", '7bit'),
  mimetype: text('The type that the client claimed.', 'image/png'),
  size: { type: 'integer', description: 'How many bytes were stored.', example: 68 },
  fileId: text('The file ID.', 'cloud://env.bucket/photos/cat.png'),
  cloudPath: text("The object's path.", 'photos/cat.png'),
  contentType: text('The type it was stored with: the content shows it.', 'image/png'),
  etag: text('The MD5 of the content.', 'd41d8cd98f00b204e9800998ecf8427e'),
};

/** Gives {@link WxCloudUploadedFile} its schema; the root entry does not know Swagger. */
export function describeUploadedFile(): void {
  for (const [name, options] of Object.entries(PROPERTIES)) {
    ApiProperty(options)(WxCloudUploadedFile.prototype, name);
  }
}
