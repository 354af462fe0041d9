// Functions of the checks in TypeScript.

/** An environment variable of tests/sdk/run.sh. */
export function setting(name: string): string {
  const value = process.env[name];
  if (value === undefined) throw new Error(`${name} is not set`);
  return value;
}

/** A unique name. */
export function unique(word: string): string {
  return `${word}-${crypto.randomUUID().slice(-12)}`;
}

export function passed(step: string): void {
  console.log(`ok ${step}`);
}
