/** Two columns, the second to the right. */
export function formatTable(rows: readonly (readonly [name: string, value: string])[]): string {
  const nameWidth = Math.max(...rows.map(([name]) => name.length));
  const valueWidth = Math.max(...rows.map(([, value]) => value.length));
  return rows.map(([name, value]) => `  ${name.padEnd(nameWidth)}  ${value.padStart(valueWidth)}`).join("\n");
}
