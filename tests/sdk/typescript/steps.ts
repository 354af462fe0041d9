// What every check of an SDK in TypeScript needs.

/** A setting of this run. */
export function setting(name: string): string {
  const value = process.env[name];
  if (value === undefined) throw new Error(`${name} is not set`);
  return value;
}

/** A name that no other run has taken. */
export function unique(word: string): string {
  return `${word}-${crypto.randomUUID().slice(-12)}`;
}

export function passed(step: string): void {
  console.log(`ok ${step}`);
}
