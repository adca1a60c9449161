/** Checks the comments of one file; a line `path:line: rule` for each breach. */
export function problemsOf(path: string, text: string, isLibrary: boolean): string[];
