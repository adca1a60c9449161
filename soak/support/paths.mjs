/** Returns the path of a file ID. */
export const pathOf = fileId => fileId.replace(/^cloud:\/\/[^/]*\//, '');
