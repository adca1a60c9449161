/** Returns the path of a file ID. */
export const pathOf = fileId => fileId.replace(/^cloud:\/\/[^/]*\//, '');

/** Returns the ID of the file at another path of the same bucket. */
export const siblingOf = (fileId, path) => fileId.slice(0, -pathOf(fileId).length) + path;
