import { cosHeaders, emptyAnswer, textAnswer, xmlDocument, type Answer } from './answer.js';
import { encodePath } from './cloud-paths.js';
import type { EmulatedCloud } from './emulated-cloud.js';
import type { Exchange } from './exchange.js';
import type { FaultEffect } from './fault-effect.js';
import { readBoundary } from './form-reader.js';
import type { StoredObject } from './object-store.js';
import { ObjectReception } from './object-reception.js';
import { CosRefusal } from './refusals.js';

/** A request for one object. */
export interface ObjectCall {
  /** The request. */
  readonly exchange: Exchange;
  /** Where it goes. */
  readonly cloud: EmulatedCloud;
  /** The object's path; undefined when the URL is not well encoded. */
  readonly cloudPath: string | undefined;
  /** The fault that befalls it, if any. */
  readonly effect: FaultEffect | undefined;
}

/** The form upload `POST /<bucket>/<path>`. @see https://cloud.tencent.com/document/api/436/14690 */
export async function answerPostObject({
  exchange,
  cloud,
  cloudPath,
}: ObjectCall): Promise<Answer> {
  if (cloudPath === undefined)
    throw new CosRefusal('InvalidURI', 'Could not parse the specified URI.');
  const reception = new ObjectReception({ cloud, cloudPath, boundary: assertForm(exchange) });
  try {
    for await (const chunk of exchange.body()) await reception.accept(chunk);
    const { object, successStatus } = await reception.complete();
    return toAnswer({ object, successStatus, cloud });
  } catch (error) {
    await reception.discard();
    throw error;
  }
}

function assertForm(exchange: Exchange): string {
  if (exchange.header('content-length') === undefined) {
    throw new CosRefusal(
      'MissingContentLength',
      'You must provide the Content-Length HTTP header.',
    );
  }
  const boundary = readBoundary(exchange.header('content-type'));
  if (boundary !== undefined) return boundary;
  throw new CosRefusal(
    'MalformedPOSTRequest',
    'The body of your POST request is not well-formed multipart/form-data.',
  );
}

interface Stored {
  readonly object: StoredObject;
  readonly successStatus: 200 | 201 | 204;
  readonly cloud: EmulatedCloud;
}

function toAnswer({ object, successStatus, cloud }: Stored): Answer {
  const etag = `"${object.etag}"`;
  const location = `${cloud.url}/${cloud.options.bucket}/${encodePath(object.cloudPath)}`;
  const headers = { ...cosHeaders(), ETag: etag, Location: location };
  if (successStatus !== 201) return emptyAnswer(successStatus, headers);
  const document = xmlDocument('PostResponse', {
    Location: location,
    Bucket: cloud.options.bucket,
    Key: object.cloudPath,
    ETag: etag,
  });
  const answer = textAnswer(201, 'application/xml', document);
  return { ...answer, headers: { ...answer.headers, ...headers } };
}
