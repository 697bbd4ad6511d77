import { ROLES, type Role } from "../config.ts";

/** "api,gateway;decide" is two processes: one with the roles api and gateway, one with decide. Checked by the config. */
export function parseProcesses(text: string): readonly (readonly Role[])[] {
  const names = text.split(";").map((part) => part.split(",").map((name) => name.trim()));
  return names.map((process) => ROLES.filter((role) => process.includes(role)));
}
