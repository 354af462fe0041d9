//! `jeton doctor resource-server`: the recipes of docs/apis.md for software that verifies access tokens. That page is
//! the only text; this prints its parts.

/// The page.
const PAGE: &str = include_str!("../../../docs/apis.md");
/// The part of the page with the recipes, and the section of it that is none.
const PART: &str = "## Libraries and proxies";
const NO_RECIPE: &str = "What each needs";
/// The issuer that the page's complete programs have.
const EXAMPLE_ISSUER: &str = "http://localhost:8080";
/// Languages in which `ISS` stands for a text in quotes.
const QUOTED: [&str; 5] = ["go", "java", "js", "python", "rust"];
/// Words after the name of the software.
const NAME_ENDS: [&str; 4] = ["with", "by", "for", "or"];
/// More words are a sentence.
const LONGEST_NAME: usize = 3;

/// A paragraph and the code below it.
pub struct Recipe {
    section: String,
    name: Option<String>,
    blocks: Vec<Block>,
}

/// Lines of the page without an empty line between them, or code.
struct Block {
    language: Option<&'static str>,
    lines: Vec<&'static str>,
}

/// What stands for the names `ISS`, `HOST` and `API` of the page.
pub struct Values<'a> {
    pub issuer: &'a str,
    pub audience: Option<&'a str>,
}

/// All recipes of the page.
pub fn all() -> Vec<Recipe> {
    let part = PAGE.split_once(PART).map_or("", |(_, part)| part);
    let part = part.split_once("\n## ").map_or(part, |(part, _)| part);
    let sections = part.split("\n### ").skip(1);
    let sections = sections.filter_map(|section| section.split_once('\n'));
    sections
        .filter(|(heading, _)| *heading != NO_RECIPE)
        .flat_map(|(heading, text)| recipes(heading, blocks(text)))
        .collect()
}

/// The recipes of a section: a paragraph above code begins a new one.
fn recipes(heading: &str, blocks: Vec<Block>) -> Vec<Recipe> {
    let mut recipes: Vec<Recipe> = Vec::new();
    let mut blocks = blocks.into_iter().peekable();
    while let Some(block) = blocks.next() {
        let next = blocks.peek();
        let is_above_code = next.is_some_and(|next| next.language.is_some());
        let begins = block.language.is_none() && is_above_code;
        match recipes.last_mut().filter(|_| !begins) {
            Some(recipe) => recipe.blocks.push(block),
            None => recipes.push(Recipe {
                section: slug(heading),
                name: name(&block),
                blocks: vec![block],
            }),
        }
    }
    recipes
}

fn blocks(text: &'static str) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    let mut is_open = false;
    for line in text.lines() {
        let fence = line.strip_prefix("```");
        match (fence, blocks.last_mut()) {
            (Some(_), Some(block)) if is_open && block.language.is_some() => {
                block.lines.push(line);
                is_open = false;
            }
            (Some(language), _) => {
                let (language, lines) = (Some(language), vec![line]);
                blocks.push(Block { language, lines });
                is_open = true;
            }
            (None, Some(block)) if is_open && block.language.is_some() => block.lines.push(line),
            (None, _) if line.is_empty() => is_open = false,
            (None, Some(block)) if is_open => block.lines.push(line),
            (None, _) => {
                let (language, lines) = (None, vec![line]);
                blocks.push(Block { language, lines });
                is_open = true;
            }
        }
    }
    blocks
}

/// The name of the software with which a paragraph begins.
fn name(block: &Block) -> Option<String> {
    if block.language.is_some() {
        return None;
    }
    let text = block.lines.join(" ");
    let mut words = Vec::new();
    for word in text.split(' ') {
        if NAME_ENDS.contains(&word) || word.starts_with(|first: char| first.is_ascii_digit()) {
            break;
        }
        let bare = word.trim_end_matches([',', '.', ':']);
        words.push(bare);
        if bare != word {
            break;
        }
    }
    (1..=LONGEST_NAME)
        .contains(&words.len())
        .then(|| slug(&words.join(" ")))
}

fn slug(text: &str) -> String {
    text.to_lowercase().replace(' ', "-")
}

impl Recipe {
    /// What the recipe can be called by.
    pub fn kinds(&self) -> impl Iterator<Item = &str> {
        [Some(self.section.as_str()), self.name.as_deref()]
            .into_iter()
            .flatten()
    }

    /// Whether one of its names begins like this.
    pub fn is_of(&self, kind: &str) -> bool {
        let kind = slug(kind);
        self.kinds().any(|own| own.starts_with(&kind))
    }

    /// The text of the page with these values.
    pub fn text(&self, values: &Values<'_>) -> String {
        let blocks = self.blocks.iter().map(|block| block.text(values));
        blocks.collect::<Vec<_>>().join("\n\n")
    }
}

impl Block {
    fn text(&self, values: &Values<'_>) -> String {
        let text = self.lines.join("\n");
        let Some(language) = self.language else {
            return replace_word(&text, "ISS", values.issuer);
        };
        let quoted = |text: &str| {
            if QUOTED.contains(&language) {
                format!("\"{text}\"")
            } else {
                text.to_owned()
            }
        };
        let text = text.replace(EXAMPLE_ISSUER, values.issuer);
        let text = replace_word(&text, "ISS", &quoted(values.issuer));
        let host = values.issuer.split_once("://");
        let host = host.map_or(values.issuer, |(_, host)| host);
        let text = replace_word(&text, "HOST", &quoted(host));
        match values.audience {
            Some(audience) => replace_word(&text, "API", &quoted(audience)),
            None => text,
        }
    }
}

/// The text with a word replaced, not within longer words.
fn replace_word(text: &str, word: &str, value: &str) -> String {
    let is_of_word = |c: char| c.is_alphanumeric() || c == '_';
    let mut replaced = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(word) {
        let is_whole = !before.ends_with(is_of_word) && !after.starts_with(is_of_word);
        replaced.push_str(before);
        replaced.push_str(if is_whole { value } else { word });
        rest = after;
    }
    replaced + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds() -> Vec<String> {
        let recipes = all();
        let kinds = recipes.iter().flat_map(Recipe::kinds);
        let mut kinds: Vec<String> = kinds.map(str::to_owned).collect();
        kinds.sort();
        kinds.dedup();
        kinds
    }

    #[test]
    fn the_kinds_are_those_of_the_page() {
        insta::assert_snapshot!(kinds().join(" "), @"apache authlib django-oauth-toolkit django-rest-framework dovecot envoy fastapi flask-jwt-extended go haproxy java javascript kafka mcp-servers micronaut nginx nimbus oauth2-proxy proxies-and-servers python quarkus rust spring-boot spring-security");
    }

    #[test]
    fn every_block_of_code_is_in_a_recipe_and_has_no_name_left() {
        let values = Values {
            issuer: "https://auth.example.com",
            audience: Some("https://api.example.com"),
        };
        let text: Vec<String> = all().iter().map(|recipe| recipe.text(&values)).collect();
        let text = text.join("\n");
        let part = PAGE.split_once(PART).unwrap().1;
        assert_eq!(text.matches("```").count(), part.matches("```").count());
        for name in ["ISS/", " ISS", "localhost:8080", "audiences=API"] {
            assert!(!text.contains(name), "{name}");
        }
        assert!(text.contains("issuerBaseURL: \"https://auth.example.com\""));
        assert!(text.contains("issuer-uri=https://auth.example.com\n"));
        assert!(text.contains("BASE64_OF_API_AND_SECRET"));
    }

    #[test]
    fn a_recipe_is_found_by_the_beginning_of_a_name() {
        let texts = |kind: &str| all().iter().filter(|recipe| recipe.is_of(kind)).count();
        assert_eq!(texts("Spring Boot"), 2);
        assert_eq!(texts("spring"), 3);
        assert_eq!(texts("envoy"), 1);
        assert_eq!(texts("cobol"), 0);
    }
}
