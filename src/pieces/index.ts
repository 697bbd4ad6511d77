/** The door of the pieces: what a shop's page may use. */
export { connectPieces, type PiecesOptions } from "./connect-pieces.ts";
export type { Limits } from "./limits.ts";
export type { TextOverrides, Texts } from "./texts.ts";
