/** The expected document. */
export declare const expected: object;
/** Creates the document with the modules of one Nest. */
export declare function makeDocument(modules: object): Promise<object>;
