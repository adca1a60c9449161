/** The document that is expected. */
export declare const expected: object;
/** Makes the document with the modules of one Nest. */
export declare function makeDocument(modules: object): Promise<object>;
