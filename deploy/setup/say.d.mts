/** See say.mjs. */
export declare class SetupFailure extends Error {}
export declare function step<T>(what: string, work: () => Promise<T>, progress?: () => string): Promise<T>;
export declare function say(text: string): void;
