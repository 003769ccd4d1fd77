//! What people type, in the forms in which they type it.

use afterparty::accounts::create::{self, New};
use afterparty::accounts::{Account, Role};

use crate::both;
use crate::support::{Backend, TestNode};

both!(names_and_passwords_are_taken_as_people_type_them);

/// A password with a sign that two keyboards write in two ways.
const COMPOSED: &str = "p\u{e4}sswo\u{308}rtchen1";
const DECOMPOSED: &str = "pa\u{308}ssw\u{f6}rtchen1";

async fn sign_up(node: &TestNode, name: &str) -> Account {
    let new = New {
        name,
        display_name: "",
        email: None,
        password: COMPOSED,
        role: Role::Member,
        confirmed: true,
    };
    create::create(node.app(), new).await.unwrap()
}

/// Cases 107, 109 and 111.
async fn names_and_passwords_are_taken_as_people_type_them(backend: Backend) {
    let (_net, node) = TestNode::one(&backend).await;
    node.host("host_of_all").await;
    for (typed, name) in [
        ("Nina", "nina"),
        ("@pia", "pia"),
        (" Cleo_7 ", "cleo_7"),
        ("\u{ff21}na", "ana"),
    ] {
        let account = sign_up(&node, typed).await;
        assert_eq!(account.name, name, "{typed}");
        for login in [name, typed, &format!("@{name}"), &name.to_uppercase()] {
            for password in [COMPOSED, DECOMPOSED] {
                let fields = [("login", login), ("password", password)];
                let answer = node.form("/sign-in", "", &fields).await;
                assert_eq!(answer.status(), 303, "{login}");
            }
        }
    }
    for wrong in ["", "@", "ni na", "nina@elsewhere.example", "n\u{ef}na"] {
        assert!(
            create::check_name(&create::fold_name(wrong)).is_err(),
            "{wrong}"
        );
    }
    let taken = New {
        name: "NINA",
        display_name: "",
        email: None,
        password: COMPOSED,
        role: Role::Member,
        confirmed: true,
    };
    assert!(create::create(node.app(), taken).await.is_err());
}
