import { InvalidInput } from "../errors.ts";

/** @throws InvalidInput that names one field, as the wire writes it. */
export function refuse(field: string, description: string): never {
  throw new InvalidInput([{ field, description }]);
}
