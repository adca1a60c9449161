// multer-s3 with the AWS SDK v3, a streaming alternative, against a counter with the API of S3.
import { S3Client } from '@aws-sdk/client-s3';
import { FilesInterceptor } from '@nestjs/platform-express';
import multerS3 from 'multer-s3';
import { declaredSizeOf, LIMITS, startNest } from './nest.mjs';

/** Starts the contestant. */
export function start(cloud) {
  const s3 = new S3Client({
    endpoint: cloud,
    region: 'bench',
    forcePathStyle: true,
    credentials: { accessKeyId: 'bench', secretAccessKey: 'bench' },
  });
  const storage = multerS3({
    s3,
    bucket: 'bench',
    key: (_request, _file, callback) => callback(null, `bench/${crypto.randomUUID()}`),
  });
  const interceptor = FilesInterceptor('file', 100, { storage, limits: LIMITS });
  // multer-s3 does not know the size of multipart uploads.
  const store = (_files, request) => ({ size: declaredSizeOf(request) });
  return startNest({ interceptor, store });
}
