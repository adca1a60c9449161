/** The path that a file ID names. */
export const pathOf = fileId => fileId.replace(/^cloud:\/\/[^/]*\//, '');
