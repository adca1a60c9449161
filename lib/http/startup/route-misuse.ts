import { OptionsInvalidError } from '../../errors/errors.js';
import { findClosest } from '../../options/validation.js';
import { listFields } from '../upload/request-files.js';
import type { UploadFacts } from './enhancers.js';

/** Creates the error for a decorator that does not fit its handler. */
export function misuse(
  route: string,
  decorator: string,
  expected: string,
  remedy: string,
): OptionsInvalidError {
  const subject = `${route}: ${decorator}`;
  return new OptionsInvalidError({ option: decorator, subject, expected, remedy });
}

/** Creates the error for a handler without an interceptor that stores files. */
export function noInterceptor(
  route: string,
  decorator: string,
  field: string | undefined,
): OptionsInvalidError {
  return misuse(
    route,
    write(decorator, field),
    'behind an upload interceptor; the handler has none',
    `Add e.g. @UseInterceptors(WxCloudFileInterceptor('${field ?? 'photo'}')).`,
  );
}

/** Creates the error for a handler whose interceptor stores files, but not with this package. */
export function filesElsewhere(
  route: string,
  decorator: string,
  field: string | undefined,
): OptionsInvalidError {
  return misuse(
    route,
    write(decorator, field),
    'behind an interceptor that stores with this package; the files of this handler are stored elsewhere',
    "Use WxCloudFileInterceptor, or pass { storage: wxCloudUpload() } to Nest's own interceptor.",
  );
}

/** Creates the error for a field that no interceptor of the handler takes. */
export function unknownField(
  route: string,
  decorator: string,
  field: string,
  uploads: readonly UploadFacts[],
): OptionsInvalidError {
  const counts = new Map(uploads.flatMap(({ selection }) => [...(selection.maxCounts ?? [])]));
  const meant = findClosest(field, [...counts.keys()]);
  const correction = meant === undefined ? 'Correct the name' : `Write ${write(decorator, meant)}`;
  return misuse(
    route,
    write(decorator, field),
    `for a field that ${uploads[0]?.name} takes: ${listFields(counts)}`,
    `${correction}, or add the field to the interceptor.`,
  );
}

/** True when an interceptor takes files in a field, or in any field if none is given. */
export function takesField(
  { selection: { maxCounts } }: Pick<UploadFacts, 'selection'>,
  field: string | undefined,
): boolean {
  return field === undefined || maxCounts === undefined || maxCounts.has(field);
}

function write(decorator: string, field: string | undefined): string {
  return field === undefined ? `@${decorator}()` : `@${decorator}('${field}')`;
}
