import { pathOf } from '../support/paths.mjs';

/**
 * Finds violations at paths where several requests have stored files. The last upload decides the
 * content, and a failed request leaves its object there and reports it. After a successful
 * response, an object must exist.
 */
export function findMixedUpPaths({ shared, objects, orphans }) {
  const objectsByPath = new Map(objects.map(object => [pathOf(object.fileId), object]));
  const reports = orphans.map(({ fileId }) => pathOf(fileId));
  return shared.flatMap(use => {
    const object = objectsByPath.get(use.path);
    const reported = reports.filter(path => path === use.path).length;
    return [
      ...findLost(use, object),
      ...findTooManyReports(use, reported),
      ...(object === undefined || use.answered.length + reported > 0
        ? []
        : [`${object.fileId} is left in the cloud, and nobody was told of it`]),
    ];
  });
}

function findLost({ path, contents, answered }, object) {
  if (answered.length === 0) return [];
  const whose = `${path} of request ${answered.map(({ id }) => id).join(' and ')}`;
  if (object === undefined) return [`${whose} was kept and is not in the cloud`];
  const types = answered.map(({ contentType }) => contentType);
  return [
    ...(contents.includes(object.sha256) ? [] : [`${whose} has a content that nobody sent`]),
    ...(object.isAlive ? [] : [`${whose} is a dead file ID`]),
    ...(types.includes(object.contentType)
      ? []
      : [`${whose} is stored as ${object.contentType}, not as ${types.join(' or ')}`]),
  ];
}

/** Finds paths with too many reports: each failed request may report its file once. */
function findTooManyReports({ path, requests, answered }, reported) {
  const failed = requests.length - answered.length;
  if (reported <= failed) return [];
  return [
    `${path} was reported as an orphan ${reported} times, and ${failed} of its requests failed`,
  ];
}
