use jeton::store::user::{self, Change, ChangeError};

use crate::admin::{Admin, give_roles};

const USERS: &str = "/admin/users";

fn count(answer: &crate::support::Answer) -> usize {
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.json()["users"].as_array().unwrap().len()
}

/// Roles are told apart by case, as tokens and APIs do it: who has `Admin` cannot administer, and is
/// nobody for whom the last administrator may go.
#[tokio::test]
async fn who_has_a_role_that_differs_in_case_is_no_other_admin() {
    let admin = Admin::start().await;
    let (store, cause) = (&admin.jeton.server.store, admin.jeton.cause());
    let other = admin.jeton.add_user("other", "x").await;
    for roles in [
        "Admin",
        "Admin reader",
        "reader ADMIN",
        "reader aDmin writer",
    ] {
        give_roles(&admin.jeton, other, roles).await;
        for change in [Change::DISABLE, Change::Delete] {
            let refused = user::change(store, admin.id, change, &cause).await;
            assert!(matches!(refused, Err(ChangeError::LastAdmin)), "{roles}");
        }
        let found = admin.get(&format!("{USERS}?role=admin")).await;
        assert_eq!(count(&found), 1, "{roles}");
    }
    for roles in ["admin", "admin reader", "reader admin", "a admin z"] {
        give_roles(&admin.jeton, other, roles).await;
        let found = admin.get(&format!("{USERS}?role=admin")).await;
        assert_eq!(count(&found), 2, "{roles}");
    }
}
