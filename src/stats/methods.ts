/** Methods by name, each from a case's input, not yet checked, to its result. A result has finite numbers only.
 *  @throws InvalidInput for an input that must be refused. */
export type Methods = Readonly<Record<string, (input: unknown) => Record<string, unknown>>>;
